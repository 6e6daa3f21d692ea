//! How a process on this machine speaks to its hall: the local protocol and its client.
