"""At home in Avalanche: our scenario and AUROC in its code, its strategies in our runs.

Avalanche takes seconds to import, so nothing else of the package imports this one before it is
needed.
"""

import warnings

with warnings.catch_warnings():
    # What the solver is for, GEM, says so itself.
    warnings.filterwarnings("ignore", "no QP solver found", UserWarning)
    import avalanche as _avalanche

from cl_anomaly.avalanche.metric import AUROC, reconstruction_error
from cl_anomaly.avalanche.scenario import to_avalanche

__all__ = ["AUROC", "reconstruction_error", "to_avalanche"]
__version__ = _avalanche.__version__
