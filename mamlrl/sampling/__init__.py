"""From tasks to episodes to batches with advantages.

In: a task environment, a policy, its parameters. Out: `rollouts.Rollouts`, and batches made of them.
Contract: `sampler.Sampler`; its environments keep `mamlrl.envs.TaskEnv`.
"""
