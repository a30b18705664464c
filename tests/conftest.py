from mamlrl.envs.graphics import choose_platform

choose_platform()  # before MuJoCo is imported
