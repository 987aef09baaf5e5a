const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Its signal is aborted by the first signal that asks this process to end; the second one ends the process at once. */
export function interruption(): { readonly signal: AbortSignal; readonly forget: () => void } {
  const controller = new AbortController();
  const abort = (): void => (controller.signal.aborted ? process.exit(1) : controller.abort());
  signals.forEach((signal) => process.on(signal, abort));
  return {
    signal: controller.signal,
    /** Leaves the signals to others again, such as to Pulumi, which gets its own. */
    forget: () => signals.forEach((signal) => process.off(signal, abort)),
  };
}
