"""What facts ask the kernel by system calls that few may make; for the service its helper does (`answers`)."""
