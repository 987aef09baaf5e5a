import type { TestNode } from "./node";

/** Stand-in for Apache, where a test needs no more of it: answers each request with what /run/doubles/page says. */
const webServer = `
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
  <$client>;
  print $client \`cat /run/doubles/page\`;
  close $client;
}`;

export const healthy = "HTTP/1.0 200 OK\\r\\n\\r\\nstill alive\\n";
export const sick = "HTTP/1.0 503 Service Unavailable\\r\\n\\r\\nthe files are away\\nthe link too\\n";

/** What a node's health page answers from now on, in printf's form. */
export const answer = (node: TestNode, page: string): string =>
  node.check(`mkdir -p /run/doubles && printf '${page}' >/run/doubles/page`);

/** Starts the page, healthy. */
export function startPage(node: TestNode): void {
  answer(node, healthy);
  node.write("/root/server", webServer);
  node.check("setsid perl /root/server >/dev/null 2>&1 </dev/null 3>&- &");
}
