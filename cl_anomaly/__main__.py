"""`python -m cl_anomaly` is the command `cl-anomaly`."""

from cl_anomaly.cli.main import main

if __name__ == "__main__":
    main()
