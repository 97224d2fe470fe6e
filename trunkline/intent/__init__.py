"""The intent model: what the network should be, in no vendor's words.  See `model` and `attachment`."""
