//! What stands before every door: listeners, Host and Origin, tokens, limits, WebSocket upgrades.
