"""The second floor: durable, generic, without a vendor's name."""

VERSION = "0.1.0"
