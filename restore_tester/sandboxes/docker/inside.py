"""The scripts of the container: what any image with a POSIX shell can run, and what it says back.

The container's first process is ours, never the image's entrypoint, whose temporary server answers before the real one does.
"""

from __future__ import annotations

WORKSPACE = "/workspace"
SHELL = "/bin/sh"

DEADLINE_CODE, UNSHARED_CODE = 75, 70
MISSING, STARTED = "missing", "started"
MEMORY_KILLS = "memory-kills"

# Process 1 waits, and so reaps every orphan. Requests come on stdin: to signal, or to say how many programs the kernel killed for
# memory (two generations of control groups; a container sees its own). A shell's own words answer them, so no process need be
# had. The end of stdin, which the engine brings about when our process dies, ends the container. So does its deadline, after ours.
INIT = f"""
[ -w {WORKSPACE} ] || exit {UNSHARED_CODE}
trap 'exit {DEADLINE_CODE}' USR1
exec 3<&0 </dev/null
{{ sleep "$1"; kill -s USR1 1; }} 3<&- &
while read -r word target; do
    if [ "$word" = {MEMORY_KILLS} ]; then
        kills=0
        for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
            [ -r "$file" ] && while read -r name value; do [ "$name" = oom_kill ] && kills=$value; done <"$file"
        done
        echo "$kills"
    else
        kill -s "$word" -- "$target" 2>/dev/null
    fi
done <&3 &
exec 3<&-
wait $!
"""

# Given a program, the PATH to look for it, and `env`'s words: say who we are on stderr's first line, then become the program.
# A script that becomes the program is what a signal meets, and the leader of its own group, as `docker exec` makes it.
COMMAND = f"""
program=$1 folders=$2
shift 2
umask 077
case $program in
*/*) found=$program ;;
*)  found= IFS=:
    set -f
    for folder in $folders; do
        if [ -f "$folder/$program" ] && [ -x "$folder/$program" ]; then found=$folder/$program; break; fi
    done ;;
esac
if ! [ -e "$found" ]; then echo "{MISSING} 2" >&2; exit 127; fi
if ! [ -f "$found" ] || ! [ -x "$found" ]; then echo "{MISSING} 13" >&2; exit 126; fi
echo "{STARTED} $$" >&2
exec /usr/bin/env -i "$@"
"""

NETWORK = 'for file in route ipv6_route tcp unix; do echo "= $file"; cat /proc/self/net/$file 2>/dev/null; done; echo = end'
