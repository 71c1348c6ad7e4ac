package embedded

import (
	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapTo returns etcd's kind of logger that writes to ours.
func zapTo(l zerolog.Logger) *zap.Logger { return zap.New(core{log: l}) }

// core passes entries on. etcd's information is of use only to who debugs; its debugging to nobody.
type core struct {
	log    zerolog.Logger
	fields []zapcore.Field
}

func (core) Enabled(level zapcore.Level) bool { return level >= zapcore.InfoLevel }

func (c core) With(fields []zapcore.Field) zapcore.Core {
	c.fields = append(c.fields[:len(c.fields):len(c.fields)], fields...)
	return c
}

func (c core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	level := zerolog.DebugLevel
	switch {
	case e.Level >= zapcore.ErrorLevel:
		level = zerolog.ErrorLevel
	case e.Level == zapcore.WarnLevel:
		level = zerolog.WarnLevel
	}
	event := c.log.WithLevel(level)
	if event == nil {
		return nil
	}
	values := zapcore.NewMapObjectEncoder()
	for _, list := range [][]zapcore.Field{c.fields, fields} {
		for _, f := range list {
			f.AddTo(values)
		}
	}
	event.Str("step", "etcd").Fields(values.Fields).Msg(e.Message)
	return nil
}

func (core) Sync() error { return nil }
