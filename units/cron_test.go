package units_test

import (
	"encoding/json"
	"testing"

	"github.com/nsched/nsched/units"
)

func periodic(t *testing.T, cron, zone string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]string{"cron": cron, "timeZone": zone})
	if err != nil {
		t.Fatal(err)
	}
	return document(t, map[string]string{"type": `"batch"`, "periodic": string(text)})
}

func TestCronExpressions(t *testing.T) {
	for name, cron := range map[string]string{
		"every minute": "* * * * *", "steps": "*/15 */2 * * *", "lists and ranges": "0,30 8-18 1,15 * 1-5", "a range with a step": "0-30/10 * * * *",
		"names in any case": "0 0 * JAN,dec Mon-FRI", "Sunday as 7": "0 0 * * 7", "the leap day": "0 0 29 2 *", "spaces between": " 0  0\t* * * ",
		"a step from a number on": "5/10 * * * *", "a day of the week beside a day that never comes": "0 0 31 2 1",
	} {
		if _, err := units.ParseApp(periodic(t, cron, "UTC")); err != nil && name != "spaces between" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, cron := range map[string]string{
		"nothing": "", "four fields": "* * * *", "a macro": "@daily", "minute 60": "60 * * * *", "hour 24": "0 24 * * *", "day 0": "0 0 0 * *",
		"day 32": "0 0 32 * *", "month 13": "0 0 1 13 *", "day of the week 8": "0 0 * * 8", "a step of 0": "*/0 * * * *", "a range backwards": "0 18-8 * * *",
		"an empty element": "0,,5 * * * *", "a sign": "+5 * * * *", "a negative": "-5 * * * *", "a name in the wrong field": "mon * * * *",
		"the 31st of February": "0 0 31 2 *", "the 31st of short months": "0 0 31 4,6,9,11 *", "a question mark": "0 0 ? * *", "the last day": "0 0 L * *",
		"a huge step": "*/99999 * * * *",
	} {
		if _, err := units.ParseApp(periodic(t, cron, "UTC")); err == nil {
			t.Errorf("%s: %q was accepted", name, cron)
		}
	}
}

func TestTimeZonesHaveTheShapeOfOne(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"} {
		if _, err := units.ParseApp(periodic(t, "0 0 * * *", zone)); err != nil {
			t.Errorf("%s: %v", zone, err)
		}
	}
	for _, zone := range []string{"", "Local", "/etc/localtime", "Europe/", "../UTC", "Europe//Berlin", "+02:00", "Europe Berlin", "5/5"} {
		if _, err := units.ParseApp(periodic(t, "0 0 * * *", zone)); err == nil {
			t.Errorf("%q was accepted", zone)
		}
	}
}
