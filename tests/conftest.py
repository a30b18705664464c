from mamlrl.envs.pictures.graphics import choose_platform

choose_platform()  # before MuJoCo is imported
