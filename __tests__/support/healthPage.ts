import { healthSettings, type HealthSettings } from "../../components/realServer";
import type { TestNode } from "./node";

/** What a real server's health page knows of the service, with the guide's values. */
export const pageSettings = (changes: Partial<HealthSettings> = {}): string =>
  healthSettings({
    page: "/smt/health/test.html",
    request: "test.html",
    checkTimeout: 5,
    database: true,
    peers: ["192.0.2.12"],
    virtualIp: "192.0.2.10",
    nic: "eth0",
    ...changes,
  });

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
