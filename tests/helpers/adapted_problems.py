"""Inner loops of every kind on fixed data, and the outer objective of what they adapt."""

from dataclasses import replace

from problems import make_batch, make_inner_losses, make_params, make_policy

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.objective import MetaObjective

TASKS = 3
SCALES = (1.0, 0.7, 0.4)
SOLVED = ProximalConfig(weight=4.0, optimizer="newton_cg", cg_iterations=200, cg_tolerance=1e-26)
CONVERGED = AdaptationConfig(estimator="imaml", gradient_steps=12, proximal=SOLVED)
INNER_LOOPS = {
    "maml": AdaptationConfig(step_size=0.3),
    "maml, steps on the same episodes": AdaptationConfig(step_size=0.3, gradient_steps=3),
    "maml, proximal": AdaptationConfig(step_size=0.3, gradient_steps=3, proximal=ProximalConfig(weight=0.5)),
    "maml, one learned step size": AdaptationConfig(step_size=0.3, learned_step_size="one"),
    "maml, step sizes per layer": AdaptationConfig(step_size=0.3, learned_step_size="per_layer", gradient_steps=2),
    "maml, step sizes per parameter": AdaptationConfig(step_size=0.3, learned_step_size="per_parameter"),
    "maml, last layer": AdaptationConfig(step_size=0.3, adapted="last_layer", learned_step_size="per_layer"),
    "maml, biases": AdaptationConfig(step_size=0.3, adapted="biases"),
    "maml, context": AdaptationConfig(step_size=0.3, adapted="context"),
    "first_order": AdaptationConfig(estimator="first_order", step_size=0.3),
    "first_order, learned step size": AdaptationConfig(
        estimator="first_order", step_size=0.3, learned_step_size="per_layer"
    ),
    "imaml": CONVERGED,
    "imaml, learned weight": replace(CONVERGED, proximal=replace(SOLVED, learned=True)),
    "imaml, biases": replace(CONVERGED, adapted="biases", proximal=replace(SOLVED, learned=True)),
    "linearized_imaml": replace(CONVERGED, estimator="linearized_imaml"),
    "linearized_imaml, learned weight, biases": replace(
        CONVERGED, estimator="linearized_imaml", adapted="biases", proximal=replace(SOLVED, learned=True)
    ),
    "linearized_imaml, context": replace(CONVERGED, estimator="linearized_imaml", adapted="context"),
    "linearized_imaml, implicit alone": replace(
        CONVERGED, estimator="linearized_imaml", proximal=replace(SOLVED, implicitness=1.0)
    ),
}
EXACT = [name for name, config in INNER_LOOPS.items() if config.estimator != "first_order"]


def solve_problem(name, steps=1, discrete=False, activation="tanh"):
    """Adapts on fixed data and makes the outer objective of the result."""
    config = INNER_LOOPS[name]
    policy = make_policy(discrete, activation, context_size=2 if config.adapted == "context" else 0)
    estimator = make_estimator(config, policy, SCALES[:steps])
    params = estimator.init(make_params(policy))
    losses = make_inner_losses(policy, params[: policy.num_parameters], steps)
    adaptation = estimator.adapt(params, TASKS, lambda step, _: losses[step])
    batch = make_batch(policy, adaptation.phi, seed=5)
    objective = MetaObjective(estimator, adaptation, TaskLosses(policy, Surrogate(policy.distribution), batch))
    return estimator, policy, params, adaptation, batch, objective


def central_difference(function, point, vector, step=1e-5):
    return (function(point + step * vector) - function(point - step * vector)) / (2 * step)
