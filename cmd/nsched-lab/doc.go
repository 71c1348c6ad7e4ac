// Command nsched-lab runs real systemd hosts on this machine: each with its own PID 1, journal, D-Bus,
// network and cgroups, on a network that leads nowhere else. The demo, the end-to-end tests and people
// who try things use it; see package host for what a lab is and what it leaves behind (nothing).
//
//	nsched-lab up --detach n1 n2 n3
//	nsched-lab exec LAB/n1 -- systemctl status
//	nsched-lab net partition LAB/n2
//	nsched-lab power-off LAB/n3
//	nsched-lab down LAB
package main
