"""The words of PostgreSQL's own messages that may be shown. A word that is not here may have come out of a row."""

from __future__ import annotations

VOCABULARY = frozenset(
    word
    for line in (
        "a aborted access acl acls active actual aggregate all allowed already alter ambiguous an and any archive are argument",
        "arguments array as at attribute available based be because been before begin below between bigint blob blobs block",
        "boolean by byte bytea bytes cache call called can cannot cast catalog cause change changed char character characters",
        "check checksum class client close closed code collation column columns command comment commit compress compressed",
        "compression concurrently configuration conflicting connection constraint constraints contains context conversion copy",
        "corrupt corrupted could count create created current cursor custom cycle data database date default definition delete",
        "dependency dependent depends deprecated detected device dictionary did died different directory disabled disk div",
        "division do does domain drop dropped dump duplicate each empty enabled encoding end enough entry enum error errors event",
        "exactly exceeds exclusion execute exist existing exists exit expected expression extend extended extension fail failed",
        "failure fast fatal field fields file final find finished fk float for foreign format found from function functions",
        "generated grant granted group has have header id identity if ignored implementation in incompatible incomplete incorrect",
        "index inherit inherits initialize inline input insert insufficient int integer internal interval into invalid is it item",
        "items json jsonb key language large length level library limit line list loaded locale lock long lost magic mapping",
        "match materialized maximum member memory method mismatch missing mode module more multi multiple must name names nan",
        "near needs new no node non none not null number numeric object objects of offset oid old on one only open operation",
        "operator option options or order ordering out over overflow overlap owned owner page parameter parent parse partition",
        "partitioned password path permission pg_restore plan plpgsql policy position precision preloaded prepared primary",
        "privileges procedure process psql publication query range read real record recursion reference referenced references",
        "refresh relation remaining replication requested required reserved restore restored restricted result return returned",
        "returns revoke role row rows rule savepoint schema search section security select sequence server session set setting",
        "single size some source space specified sql stack start statement statements statistics stdin storage stream string",
        "subquery subscription such superuser support supported syntax system table tables tablespace tag target template",
        "temporary text than the there time timestamp timestamptz timetz to toc token too transaction transform trigger trigram",
        "truncate tuple type types unable uncompress undefined unexpected unexpectedly unique unknown unlogged unrecognized",
        "unsupported unterminated update used user using utf uuid valid validate value values varchar variable varying version",
        "view views violated violates violation was when where which while width window with within without worker write written",
        "wrong xml zero zone",
    )
    for word in line.split()
)
