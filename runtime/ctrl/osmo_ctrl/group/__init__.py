"""Groups of several tasks: the lead's osmo-ctrl coordinates them, and all of them speak one protocol."""
