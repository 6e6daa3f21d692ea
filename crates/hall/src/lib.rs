//! The living server: batches commands, wakes followers, runs timers, holds presence.
