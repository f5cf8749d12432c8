"""Send every message of a kernel at once: the server otherwise holds each back by about 40 ms, and sliders stall."""

c = get_config()  # noqa: F821 (Jupyter provides it)

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
