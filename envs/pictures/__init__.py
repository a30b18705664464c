"""Pictures of simulated bodies and of the tasks they are given, drawn off screen.

In: states of a model, a view, and markers of the task. Out: images.
Contract: none of its own; `rendering.ModelRenderer` draws, and `markers` has what it can add to a body.
"""
