# restore-tester with the PostgreSQL servers that its process sandbox restores into. See docs/image.md.
#
#   docker build -t restore-tester .
#   docker run --rm --read-only --network none --user 10001 --tmpfs /tmp -v /backups:/backups:ro restore-tester verify /backups/orders.dump
#
# BASE                   any Debian-based Python ≥ 3.11; pin it by digest for a build that can be repeated
# POSTGRES_MAJORS        "17" is what Debian trixie itself brings, contrib included, and restores dumps of every older major
# POSTGRES_EXTENSIONS    more of Debian's packages, without their prefix: "pgvector postgis-3"
# PGDG=yes               also take packages from PostgreSQL's own repository: POSTGRES_MAJORS="14 15 16 17 18"
# PIP_…                  pip's own settings, for the first stage only; its files may lie in build/image/ (seen at /source/build/image)
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG PIP_CERT
ARG PIP_DEFAULT_TIMEOUT
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
COPY . /source
RUN python3 -m venv /opt/restore-tester \
 && python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source \
 && /opt/restore-tester/bin/python -m pip install --no-cache-dir --only-binary :all: /wheels/*.whl \
 && /opt/restore-tester/bin/python -m pip uninstall --yes pip

FROM ${BASE}
ARG POSTGRES_MAJORS=17
ARG POSTGRES_EXTENSIONS=
ARG PGDG=no
# The package would make a cluster of its own on installation.
RUN set -eu; export DEBIAN_FRONTEND=noninteractive; \
    mkdir -p /etc/postgresql-common; echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf; \
    apt-get update -qq; \
    if [ "$PGDG" = yes ]; then \
        apt-get install -y -qq --no-install-recommends postgresql-common ca-certificates; \
        /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y; \
    fi; \
    packages=; \
    for major in $POSTGRES_MAJORS; do \
        packages="$packages postgresql-$major"; \
        for extension in $POSTGRES_EXTENSIONS; do packages="$packages postgresql-$major-$extension"; done; \
    done; \
    apt-get install -y -qq --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/lib/postgresql/*; \
    groupadd --gid 10001 drill; \
    useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin drill
COPY --from=build /opt/restore-tester /opt/restore-tester
# Everything that is written goes below /tmp: give it a disk for backups that memory cannot hold.
ENV PATH=/opt/restore-tester/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/tmp \
    RESTORE_TESTER_CACHE=/tmp/restore-tester-cache \
    RESTORE_TESTER_LISTEN=0.0.0.0:8000
EXPOSE 8000
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["restore-tester"]
CMD ["--help"]
