//! The door for Model Context Protocol hosts: tools over stdio.
