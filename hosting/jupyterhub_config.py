"""What a class needs of JupyterHub. TLJH loads it from /opt/tljh/config/jupyterhub_config.d."""

c = get_config()  # noqa: F821 (JupyterHub provides it)

# For a student's server and all their kernels together; README.md has what the lessons take.
c.Spawner.mem_limit = "2G"
c.Spawner.cpu_limit = 2

# As course.py does: what students installed for other work in their homes does not reach the lessons.
c.Spawner.environment = {
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

# A lesson whose page was closed gives its memory back after half an hour.
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=1800", "--MappingKernelManager.cull_interval=120"]
