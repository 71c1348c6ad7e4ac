package host_test

import "testing"

func TestThreeHostsBootToAWholeSystemd(t *testing.T) {
	_, hosts := openLab(t, "n1", "n2", "n3")
	for _, h := range hosts {
		if got := exec(t, h, "systemctl", "is-system-running"); got != "running" {
			t.Errorf("%s is %s", h.Name(), got)
		}
	}
}
