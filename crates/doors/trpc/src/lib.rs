//! The door for tRPC clients over WebSocket.
