import os

os.environ.setdefault("MUJOCO_GL", "egl")  # drawn off screen; MuJoCo reads it when it is imported
