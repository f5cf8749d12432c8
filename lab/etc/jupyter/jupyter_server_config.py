"""Start kernels of this environment, and send every message of a kernel at once.

Kernels: those of other places can have the same name, and Jupyter prefers some of them to the environment's own.
Messages: the server otherwise holds each back by about 40 ms, and sliders stall.
"""

import os
import sys

c = get_config()  # noqa: F821 (Jupyter provides it)

own = os.path.join(sys.prefix, "share", "jupyter")
os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [own, os.environ.get("JUPYTER_PATH")]))

try:
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
except ImportError:  # another version of jupyter-server: sliders are slower, the rest is the same
    pass
else:

    class PromptConnection(ZMQChannelsWebsocketConnection):
        """The server's own connection between browser and kernel, with TCP_NODELAY set."""

        def connect(self):
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    c.ServerApp.kernel_websocket_connection_class = PromptConnection
