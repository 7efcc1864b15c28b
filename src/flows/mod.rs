//! The rivers: one file each, functions over borrowed ports that answer a typed report.
