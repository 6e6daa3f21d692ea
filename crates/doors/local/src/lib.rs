//! The door for processes of this machine: the unix socket.
