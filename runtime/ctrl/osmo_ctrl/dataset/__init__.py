"""Datasets without a database: numbered versions of files in a bucket. `python -m osmo_ctrl.dataset` works on one."""
