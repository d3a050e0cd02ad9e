// cdk-nag's AwsSolutions pack over a folder of templates, each as a stack of its own: prints findings as JSON.
import { readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsSolutionsChecks } from 'cdk-nag';

const folder = process.argv[2];
const findings = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
  const app = new App();
  new CfnInclude(new Stack(app, parse(file).name), 'Template', { templateFile: join(folder, file) });
  for (const { ruleName, violatingResources } of new AwsSolutionsChecks(app).validateScope(app).violations) {
    for (const { constructPath } of violatingResources) {
      findings.push({ file, rule: ruleName, resource: constructPath.split('/').at(-1) });
    }
  }
}
console.log(JSON.stringify(findings));
