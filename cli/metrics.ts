import { balancedPorts } from "../components/ldirectordConf";
import { takingIn } from "./findings";
import { answerOf, clusterOf, newestMirrorRun } from "./nodeStatus";
import { holderOf, type StatusReport } from "./overview";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [Labels, number];

/** A metric with its samples; all are gauges. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * The report as a file for the textfile collector of Prometheus's node exporter. What ha_cluster_exporter has too is named as
 * there. What is not known has no sample.
 */
export function prometheusText(report: StatusReport): string {
  return metricsOf(report)
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, samples }) => {
      // A machine may have the files of several stacks.
      const lines = samples.map(
        ([labels, value]) => `${name}${labelsText({ stack: report.stack, ...labels })} ${value}\n`,
      );
      return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
    })
    .join("");
}

function metricsOf(report: StatusReport): Metric[] {
  const { answers, findings } = report;
  const each = (sample: (answer: (typeof answers)[number], labels: Labels) => readonly Sample[]): Sample[] =>
    answers.flatMap((answer) => sample(answer, { node: answer.node.name }));
  const holder = holderOf(answers);
  const table = answers.flatMap((answer) => (answer.node.name === holder ? (answerOf(answer, "table") ?? []) : []))[0];
  const run = newestMirrorRun(answers);
  return [
    {
      name: "smt_ha_problems",
      help: "Findings of smt-ha status, by level.",
      samples: (["critical", "warning", "notice"] as const).map((level) => [
        { level },
        findings.filter((finding) => finding.level === level).length,
      ]),
    },
    {
      name: "smt_ha_node_up",
      help: "Whether the node answers.",
      samples: each(({ status }, labels) => [[labels, Number(status !== undefined)]]),
    },
    {
      name: "ha_cluster_corosync_quorate",
      help: "Whether or not the cluster is quorate, as the node sees it.",
      samples: each((answer, labels) => {
        const cluster = clusterOf(answer);
        return cluster ? [[labels, Number(cluster.quorum)]] : [];
      }),
    },
    {
      name: "ha_cluster_sbd_devices",
      help: "SBD devices: healthy if the node reads the slots on it.",
      samples: each(fencingDevice(answers)),
    },
    {
      name: "smt_ha_service_address",
      help: "Whether the node has the service address on the network.",
      samples: each((answer, labels) => {
        const address = answerOf(answer, "address");
        return address ? [[labels, Number(address.interfaces.some((name) => name !== "lo"))]] : [];
      }),
    },
    {
      name: "smt_ha_balanced_servers",
      help: "Real servers that get new connections to the port, in the table of the node that holds the service address.",
      samples: table ? balancedPorts.map((port) => [{ port: String(port) }, takingIn(table, port).length]) : [],
    },
    {
      name: "smt_ha_replication_running",
      help: "Whether the node's database receives and applies the changes of the one that it follows.",
      samples: each((answer, labels) => {
        const link = answerOf(answer, "database");
        return link ? [[labels, Number("receives" in link && link.receives === "Yes" && link.applies)]] : [];
      }),
    },
    {
      name: "smt_ha_replication_lag_seconds",
      help: "How far the node's database is behind the one that it follows.",
      samples: each((answer, labels) => {
        const link = answerOf(answer, "database");
        return link && "receives" in link && link.behind !== null ? [[labels, link.behind]] : [];
      }),
    },
    {
      name: "smt_ha_certificate_expiry_timestamp_seconds",
      help: "When the certificate ends.",
      samples: each((answer, labels) =>
        (answerOf(answer, "certificates")?.certificates ?? []).map(({ file, to }) => [
          { ...labels, file },
          Date.parse(to) / 1000,
        ]),
      ),
    },
    {
      name: "smt_ha_mirror_last_run_timestamp_seconds",
      help: "When the last mirror run ended.",
      samples: run ? [[{ node: run.name }, run.run.ended]] : [],
    },
    {
      name: "smt_ha_mirror_last_run_errors",
      help: "Errors of the last mirror run.",
      samples: run ? [[{ node: run.name }, run.run.errors]] : [],
    },
  ];
}

/** The fencing device as a node sees it. A node that can't read it does not name it, but others may. */
function fencingDevice(
  answers: StatusReport["answers"],
): (answer: StatusReport["answers"][number], labels: Labels) => readonly Sample[] {
  const device = answers.flatMap((answer) => answerOf(answer, "fencing")?.device ?? [])[0] ?? "";
  return ({ status }, labels) => {
    const fencing = status?.fencing;
    return fencing ? [[{ ...labels, device, status: "unknown" in fencing ? "unhealthy" : "healthy" }, 1]] : [];
  };
}

const labelsText = (labels: Labels): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n")}"`)
    .join(",")}}`;
