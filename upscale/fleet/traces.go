package fleet

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"vsr/internal/fault"
)

// traceFlush bounds how long the end of a process waits for a collector that does not answer.
const traceFlush = 3 * time.Second

// traces returns an interceptor that sends the spans of Temporal's SDK (a job, its plan, segments and join) by OTLP over HTTP, and what sends the
// last of them and ends it. OpenTelemetry's variables say where to: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, a URL.
// Without both, or with OTEL_SDK_DISABLED=true, there are no traces: the interceptor is nil.
func traces(ctx context.Context, log *slog.Logger) (interceptor.Interceptor, func(), error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" || os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return nil, func() {}, nil
	}
	const hint = "OTEL_EXPORTER_OTLP_ENDPOINT is the URL of a collector, as in http://127.0.0.1:4318"
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fault.New(fault.Usage, hint, "traces: %w", err)
	}
	what, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "vsr")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, nil, fault.New(fault.Usage, "OTEL_RESOURCE_ATTRIBUTES is a list of KEY=VALUE", "traces: %w", err)
	}
	// A collector that is away costs traces, nothing else; OpenTelemetry would write that past the logger.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "err", err) }))
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(what))
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: provider.Tracer("vsr"), DisableQueryTracing: true})
	return i, func() {
		ctx, cancel := context.WithTimeout(context.Background(), traceFlush)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("traces", "err", err)
		}
	}, err
}
