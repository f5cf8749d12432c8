"""Leave what compiled libraries log past Python, such as TensorFlow's greetings, in the terminal and out of lessons."""

import cnnlessons  # noqa: F401 (it cuts Keras off from settings for other work, which a cell might import first)

c = get_config()  # noqa: F821 (IPython provides it)

c.IPKernelApp.capture_fd_output = False
