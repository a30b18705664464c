"""The half-cheetah as two families of papers have it: the original code's, and Gymnasium's."""

from __future__ import annotations

import numpy as np

from mamlrl.envs.arrays import Array
from mamlrl.envs.locomotion.body import Body, gymnasium_model
from mamlrl.envs.locomotion.task_distribution import Motion
from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.simulator import FloatArray, Simulator

MODEL_FILE = "half_cheetah.xml"
# Number of the body: its coordinates are x, z and an angle about y, and each other body has one more angle
TORSO = 1


class RllabHalfCheetah(Body):
    """The original code's half-cheetah.

    One MuJoCo step of 0.01 s per action; the velocity is that of the whole body's centre of mass. Observation:
    qpos without x, qvel, centre of mass. Costs: 0.05 |a|^2. Episodes do not end early.
    """

    substeps = 1
    observation_size = 20
    ctrl_cost_weight = 0.05

    def __init__(self) -> None:
        self.model = half_cheetah_model()
        self.centre = CentreOfMass(self.model)

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.model.qpos0 + 0.01 * rng.standard_normal((number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def look(self, simulator: Simulator) -> None:
        """Locates the centre of mass."""
        self.x, self.z, self.velocity = self.centre(simulator)

    def observe(self, simulator: Simulator) -> Array:
        """See `Body.observe`."""
        x, z = self.x[:, None], self.z[:, None]
        parts = (simulator.positions[:, 1:], simulator.velocities, x, simulator.xp.zeros_like(x), z)
        return simulator.xp.concat(parts, axis=1)

    def position(self, simulator: Simulator) -> Array:
        """See `Body.position`."""
        return simulator.xp.asarray(self.x[:, None], copy=True)

    def motion(self, simulator: Simulator, before: Array) -> Motion:
        """Returns the motion of the centre of mass along x at the end of the step."""
        return Motion(self.position(simulator), self.velocity[:, None])

    def reward(self, simulator: Simulator, actions: Array) -> Array:
        """See `Body.reward`."""
        return -self.control_cost(actions)


class GymnasiumHalfCheetah(Body):
    """Gymnasium's HalfCheetah-v5.

    Five MuJoCo steps, 0.05 s, per action; the velocity is the torso's displacement over them. Observation: qpos
    without x, qvel. Costs: 0.1 |a|^2. Episodes do not end early.
    """

    substeps = 5
    observation_size = 17
    ctrl_cost_weight = 0.1

    def __init__(self) -> None:
        self.model = half_cheetah_model()

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.model.qpos0 + rng.uniform(-0.1, 0.1, (number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def observe(self, simulator: Simulator) -> Array:
        """See `Body.observe`."""
        return simulator.xp.concat((simulator.positions[:, 1:], simulator.velocities), axis=1)

    def position(self, simulator: Simulator) -> Array:
        """See `Body.position`."""
        return simulator.xp.asarray(simulator.positions[:, :1], copy=True)

    def reward(self, simulator: Simulator, actions: Array) -> Array:
        """See `Body.reward`."""
        return -self.control_cost(actions)


def half_cheetah_model() -> mujoco.MjModel:
    """Compiles Gymnasium's model, which sets its total mass in a way that MuJoCo 4 has deprecated."""
    spec = gymnasium_model(MODEL_FILE)
    total_mass, spec.compiler.settotalmass = spec.compiler.settotalmass, -1.0
    model = spec.compile()
    mujoco.mj_setTotalmass(model, total_mass)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


class CentreOfMass:
    """The whole body's centre of mass in closed form, cheaper than MuJoCo's kinematics of all bodies.

    All hinges turn about y. Body b is turned by phi_b, the sum of the angles from the torso to it, and moves the
    centre of mass by a lever c_b that turns with it: com = root + sum_b R(phi_b) c_b. With M the total mass and
    M_k that of the branch that begins with body k, M c_b = m_b (centre of b) + sum_{children k} M_k (joint of k).
    A factor common to all masses changes nothing.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        parents, branch_masses = model.body_parentid, model.body_subtreemass
        levers = model.body_mass[:, None] * model.body_ipos
        for body in range(TORSO + 1, model.nbody):
            levers[parents[body]] += branch_masses[body] * model.body_pos[body]
        self.root = [float(coordinate) for coordinate in model.body_pos[TORSO]]
        self.levers: Array = levers[TORSO:] / branch_masses[TORSO]

    def __call__(self, simulator: Simulator) -> tuple[Array, Array, Array]:
        """Returns x, z and the velocity along x, each of shape (num_simulations,)."""
        xp, positions = simulator.xp, simulator.positions
        like = {"dtype": positions.dtype, "device": positions.device}
        self.levers = xp.asarray(self.levers, **like)  # copies once, if at all
        state = xp.empty((2, *positions.T.shape), **like)
        state[0, ...], state[1, ...] = positions.T, simulator.velocities.T
        angles, rates = _add_parents(state[:, 2:])
        tangents = xp.tan(angles / 2)  # one tangent is much faster than a sine and a cosine
        scale = 2 / (1 + tangents * tangents)
        cosines, sines = scale - 1, scale * tangents
        lever_x, lever_z = self.levers[:, :1], self.levers[:, 2:]
        forward, upward = cosines * lever_x + sines * lever_z, cosines * lever_z - sines * lever_x
        x = self.root[0] + state[0, 0] + forward.sum(axis=0)
        z = self.root[2] + state[0, 1] + upward.sum(axis=0)
        return x, z, state[1, 0] + (rates * upward).sum(axis=0)


def _add_parents(angles: Array) -> Array:
    """Adds the angles of each body's parents to its joint's angle, in place; shape (..., bodies, num_simulations).

    The bodies are the torso, and each leg's thigh, shin and foot. Not a matrix product: BLAS rounds differently
    for different numbers of simulations.
    """
    angles[:, 1::3] += angles[:, :1]
    for joint in (2, 3):
        angles[:, joint::3] += angles[:, joint - 1 : -1 : 3]
    return angles
