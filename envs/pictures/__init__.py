"""Pictures of simulated bodies and of the tasks they are given, drawn off screen."""
