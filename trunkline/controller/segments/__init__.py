"""Child segments for a cluster's VLANs, by the NSX Policy API alone: what there should be, what to do, and how far it is done."""
