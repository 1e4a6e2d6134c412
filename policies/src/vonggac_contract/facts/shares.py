"""What is shared over the network: Samba, NFS, SNMP, FTP."""
