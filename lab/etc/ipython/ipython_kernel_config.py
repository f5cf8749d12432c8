"""Keep out of lessons what differs between machines: what compiled libraries log past Python, and Python's version."""

from ipykernel.ipkernel import IPythonKernel

import cnnlessons  # noqa: F401 (it cuts Keras off from settings for other work, which a cell might import first)

c = get_config()  # noqa: F821 (IPython provides it)

c.IPKernelApp.capture_fd_output = False  # such as TensorFlow's greetings, which belong in the terminal
IPythonKernel.language_info["version"] = "3"  # JupyterLab writes it into every notebook that it opens
