"""The `docker` sandbox: commands run in a container of the workload's own image, on this machine's Docker engine.

provider    what a restore needs → an open sandbox
sandbox     `contracts.Sandbox`: runs commands, seals, keeps
container   one container: made, started, ended, told apart from lost
link        requests to the container, and why it was lost
execution   one `docker exec`: its streams taken apart into pipes, its exit code
channel     a connection to the engine that carries streams
engine      the engine's answers, its images pulled; docker's SDK stays in here
allowance   disk and time, watched from outside
reaping     containers of dead owners, found by their label
inside      the scripts that run inside
"""
