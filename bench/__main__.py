"""How fast it is on this machine: `make bench`, or `python -m bench --help`."""

import sys

from bench import calls, load

if sys.argv[1:2] == ["calls"]:
    calls.main(sys.argv[2:])
elif sys.argv[1:2] == ["claims"]:
    from bench import claims  # As for the next.

    claims.main(sys.argv[2:])
elif sys.argv[1:2] == ["flames"]:
    from bench import flames  # As for the next.

    flames.main(sys.argv[2:])
elif sys.argv[1:2] == ["instances"]:
    from bench import instances  # As for the next.

    instances.main(sys.argv[2:])
elif sys.argv[1:2] == ["observing"]:
    from bench import observing  # As for the next.

    observing.main(sys.argv[2:])
elif sys.argv[1:2] == ["served"]:
    from bench import served  # As for the next.

    served.main(sys.argv[2:])
elif sys.argv[1:2] == ["storms"]:
    from bench import storms  # As for the next.

    storms.main(sys.argv[2:])
elif sys.argv[1:2] == ["times"]:
    from bench import times  # As for the next.

    times.main(sys.argv[2:])
elif sys.argv[1:2] == ["whole"]:
    from bench import whole  # As for the next.

    whole.main(sys.argv[2:])
else:
    load.require_wrk()
    from bench import everything  # Needs what `make bench` alone installs.

    everything.main(sys.argv[1:])
