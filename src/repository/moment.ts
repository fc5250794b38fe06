/** Times as people and the mount tree write them; all without a zone are UTC. */

const pattern = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * The last millisecond of what the text names: of the day, the minute, the second. So `2026-11-20` is not before any
 * point of that day, and the second in the name of a mounted folder finds the point. Null when it is no time.
 */
export function lastMoment(text: string): number | null {
  const [, year = '', month = '', day = '', hour, minute = '', second, fraction, zone = 'Z'] = pattern.exec(text) ?? [];
  if (year === '') return null;
  const date = `${year}-${month}-${day}`;
  const time = `${hour ?? '23'}:${hour === undefined ? '59' : minute}:${second ?? '59'}.${(fraction ?? '').padEnd(3, '9')}`;
  const offset = zone === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const moment = Date.parse(`${date}T${time}${offset}`);
  // Date.parse takes the 31st of any month for a day of the next.
  const dayExists = new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day);
  return Number.isNaN(moment) || !dayExists ? null : moment;
}
