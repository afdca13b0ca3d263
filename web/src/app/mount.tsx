import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { Warren } from '../realtime/warren';
import { App } from './App';
import { Providers } from './providers';
import './styles/index.css';

export function mount(warren: Warren): void {
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no element #root: index.html and main.tsx do not fit together.');
  createRoot(root).render(
    <StrictMode>
      <Providers warren={warren}>
        <App />
      </Providers>
    </StrictMode>,
  );
}
