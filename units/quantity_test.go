package units_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

func TestParseBytesIsExact(t *testing.T) {
	for text, want := range map[string]units.Bytes{
		"0": 0, "1": 1, "128974848": 128974848, "1k": 1000, "1Ki": 1024, "128Mi": 128 << 20, "1G": 1e9, "1Gi": 1 << 30,
		"1.5Gi": 3 << 29, "0.5Ki": 512, ".5Ki": 512, "5.Ki": 5120, "129e6": 129e6, "1E3": 1000, "1E": 1e18, "1e0": 1,
		"1000m": 1, "1000000000n": 1, "+5": 5, "007": 7, "9223372036854775807": 1<<63 - 1, "7Ei": 7 << 60,
		"0.0009765625Ki": 1, "0e999": 0, "12.5e1": 125, "100e-2": 1,
	} {
		if got, err := units.ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, int64(got), err, int64(want))
		}
	}
}

func TestParseBytesRefuses(t *testing.T) {
	for text, part := range map[string]string{
		"":                       "is not a quantity",
		"1gb":                    `"1gb" is not a quantity; write 1Gi (binary) or 1G (decimal)`,
		"512 MB":                 "write 512Mi (binary) or 512M (decimal)",
		"64kib":                  "write 64Ki (binary) or 64k (decimal)",
		"1K":                     "write 1Ki (binary) or 1k (decimal)",
		"lots":                   "write 1Gi",
		"-1":                     "negative",
		"-0":                     "negative",
		"1.1":                    "finer",
		"1m":                     "finer",
		"1e-1":                   "finer",
		"9223372036854775808":    "more than 9223372036854775807",
		"8Ei":                    "more than",
		"10E":                    "more than",
		"1e1000":                 "more than",
		"1e1001":                 "is not a quantity",
		"1e99999999999999999":    "is not a quantity",
		"1.2.3":                  "is not a quantity",
		".":                      "is not a quantity",
		"Gi":                     "is not a quantity",
		"1 Gi":                   "is not a quantity",
		" 1":                     "is not a quantity",
		"1\n":                    "is not a quantity",
		"0x10":                   "is not a quantity",
		"1_000":                  "is not a quantity",
		"1,5":                    "is not a quantity",
		"١":                      "is not a quantity",
		"1GiB":                   "write 1Gi",
		strings.Repeat("1", 300): "too long",
	} {
		got, err := units.ParseBytes(text)
		if !errors.Is(err, units.ErrQuantity) || !strings.Contains(err.Error(), part) {
			t.Errorf("ParseBytes(%q) = %d, %v; want %q", text, int64(got), err, part)
		}
	}
}

func TestParseCPUCountsThousandths(t *testing.T) {
	for text, want := range map[string]units.CPUMilli{
		"100m": 100, "0.5": 500, "2": 2000, "1.001": 1001, "1k": 1e6, "0": 0, "1e-3": 1, "1000000u": 1000,
		"9223372036854775.807": 1<<63 - 1,
	} {
		if got, err := units.ParseCPU(text); err != nil || got != want {
			t.Errorf("ParseCPU(%q) = %d, %v; want %d", text, int64(got), err, int64(want))
		}
	}
	for _, text := range []string{"0.0001", "100u", "9223372036854775.808", "1cpu", "100 m", "-1", ""} {
		if got, err := units.ParseCPU(text); !errors.Is(err, units.ErrQuantity) {
			t.Errorf("ParseCPU(%q) = %d, %v", text, int64(got), err)
		}
	}
}

func TestQuantitiesAreWrittenShort(t *testing.T) {
	for want, b := range map[string]units.Bytes{
		"0": 0, "1": 1, "128Mi": 128 << 20, "1G": 1e9, "1500M": 15e8, "3Ei": 3 << 60, "9223372036854775807": 1<<63 - 1, "1536Mi": 3 << 29,
	} {
		if b.String() != want {
			t.Errorf("%d is written %q, want %q", int64(b), b, want)
		}
	}
	for want, c := range map[string]units.CPUMilli{"0": 0, "500m": 500, "2": 2000, "1500m": 1500} {
		if c.String() != want {
			t.Errorf("%d is written %q, want %q", int64(c), c, want)
		}
	}
}
