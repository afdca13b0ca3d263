const PATHS = {
  plus: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  people:
    'M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 19.500c.4-3.300 3-5.500 6.500-5.500s6.100 2.200 6.500 5.500M16 4.800a3.500 3.500 0 0 1 0 6.400M18 14.400c2 .8 3.300 2.600 3.500 5.100',
  send: 'M4.500 12h7M4.500 12 3 4.500c0-.4.400-.7.800-.5l16.700 7.500c.4.2.4.8 0 1L3.800 20c-.4.2-.8-.1-.8-.5L4.500 12Z',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  clock: 'M12 7.500V12l3 2M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17Z',
  alert: 'M12 8v5M12 16.300v.2M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17Z',
  down: 'M12 5v14M6 13l6 6 6-6',
  leave: 'M14 4.500H7a1.500 1.500 0 0 0-1.500 1.500v12A1.500 1.500 0 0 0 7 19.500h7M11 12h9.500M17 8l3.500 4-3.500 4',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.200 16.200 21 21',
  copy: 'M9 9h10.500v10.500H9zM15 9V4.500H4.500V15H9',
  hash: 'M9.500 4 7.500 20M16.500 4l-2 16M4.500 9h16M3.500 15h16',
  power: 'M12 3.500v8M6.800 7a7.300 7.300 0 1 0 10.400 0',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.9}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
