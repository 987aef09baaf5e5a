import * as pulumi from "@pulumi/pulumi";
import type { remote } from "@pulumi/command";
import type { StepArgs, StepNode, StepOptions } from "./remoteHost";

/** What must be in place before something is used. */
export type Ready = readonly pulumi.Resource[];

/**
 * A component that runs steps on nodes.
 *
 * Arguments that decide which steps exist, and settings that a component passes on as one object, are plain. Other values
 * may be outputs. A component wraps its secrets itself.
 *
 * A step waits for its node, for what the component's `dependsOn` names, and for what it is given here. Nothing else
 * orders steps: two that are not connected so run side by side.
 */
export abstract class StepComponent extends pulumi.ComponentResource {
  /** What others wait for before they use what the component makes. */
  abstract readonly ready: Ready;
  private readonly dependencies: Ready;

  constructor(type: string, name: string, opts?: pulumi.ComponentResourceOptions) {
    super(type, name, {}, opts);
    // dependsOn may hold outputs and nested lists. Pulumi accepts both.
    this.dependencies = opts?.dependsOn ? [opts.dependsOn as pulumi.Resource] : [];
  }

  /** Runs a step of this component on a node, after the resources given. */
  protected step(node: StepNode, step: string, args: StepArgs, after: Ready = []): remote.Command {
    return node.host.step(step, args, this.stepOptions([...node.ready, ...after]));
  }

  /** The options of a step that another component runs for this one, after the resources given. */
  protected stepOptions(after: Ready): StepOptions {
    return { parent: this, dependsOn: [...this.dependencies, ...after] };
  }
}
