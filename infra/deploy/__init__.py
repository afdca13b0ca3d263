"""`./scripts/deploy-distributed.sh`, in reading order.

cli.py          commands and flags; the only file that prints errors and decides exit codes
mode.py         what a way of running Warren can do (`Mode`), which one to take, which one is up
status.py       what runs, as Consul tells it: the value behind `status` and `status --json`
errors.py       the one error type: a sentence that says what is wrong and how to fix it
topology.py     how many instances of what
progress.py     the lines shown while something takes time

compose.py      Docker Compose mode, which stands on:
  engine.py     runs `docker`, and says in one line what its complaints mean
  containers.py what the engine says about the project's containers
  compose_project.py    variables, containers and addresses of the project in compose.yaml
  compose_readiness.py  waits until the replica set is made and every instance is ready

native.py       native mode, which stands on:
  ports.py      every port, and which of them are taken
  run_dir.py    the run directory: paths, secrets, lock
  program.py    one supervised process as a value
  supervision.py  the supervisor: renders its configuration, talks to it
  launch.py     becomes a program: environment, folder and limits that supervisord cannot express
  services.py   the programs of Warren's own services
  servers.py    the servers Warren stands on, put together; also `infra up` for tests
  install/      finds or fetches the servers and Node
  web_app.py    builds the web app when its sources changed
  npm.py        npm in web/ with the same Node, for the tests
  together.py   several waits at once
  preflight.py  what must hold before anything is started
  readiness.py  waits until Consul says that every instance is ready
  logs.py       which log files a name means
  process_groups.py  whose process is whose
  leftovers.py  processes that a crash left behind
  round_trip.py sends one message round through nginx
"""
