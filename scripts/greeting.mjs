// Prints who can sign in where, for `make run`.
import { readFileSync } from 'node:fs';

const [signIns, labels, address, internal, data] = process.argv.slice(2);
const { operator, tenants } = JSON.parse(readFileSync(signIns, 'utf8'));
const devices = readFileSync(labels, 'utf8').split('\n').filter(Boolean).map((line) => line.split('\t'));
const line = (left, right) => console.log(`  ${left.padEnd(34)}${right}`);

console.log(`\nWeb               ${address}`);
console.log(`Health, metrics   ${internal}/readyz  ${internal}/metrics\n`);
console.log('Platform operator');
line(operator.email, operator.password);
for (const tenant of tenants) {
  console.log(`\n${tenant.display_name} (tenant name: ${tenant.name})`);
  for (const person of tenant.people) line(person.email, person.password);
}
if (devices.length > 0) {
  console.log('\nVirtual devices in radio range, with the text of their labels');
  for (const [serial, label] of devices) console.log(`  ${serial.padEnd(12)}${label}`);
  console.log('  Wi-Fi: Plant-Floor, press-on-2026');
}
console.log(`\nCtrl-C stops everything. Logs and data: ${data}\n`);
