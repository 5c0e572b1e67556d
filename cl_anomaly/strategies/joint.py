"""Joint training from scratch."""

from collections.abc import Sequence

from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.upper import Upper


class Joint(Upper):
    """Joint training from scratch: at every task, forget all weights and train on everything seen.

    What a model learns that never had to continue: "offline" or "cumulative from scratch" training,
    as in Hadsell et al., "Embracing Change: Continual Learning in Deep Neural Networks" (Trends in
    Cognitive Sciences 2020). Each replica begins every task with its seed's first weights. Adam
    begins anew at every task of every strategy, so nothing is left of earlier tasks.
    """

    name = "joint"
    needs_boundaries = False  # it begins anew whenever samples have come
    begins_anew = True

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Go back to the first weights."""
        if "first" not in self.kept:
            now = self.model.state_dict()
            self.kept["first"] = {name: own.clone() for name, own in now.items()}
        self.model.load_state_dict(self.kept["first"])
