"""More than the memory holds."""

from programs import ONE


def test_episodes_that_do_not_fit_in_memory(stopped):
    words = ["not enough memory", "env.kwargs.horizon", "meta_batch_size"]
    stopped(*ONE, f"--env.kwargs.horizon={10**14}", "--output=run", words=words)
