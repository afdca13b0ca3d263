import { build } from '../realtime/warren';
import { browserEdges } from './edges';
import { mount } from './mount';

const warren = build(browserEdges());
mount(warren);
void warren.session.start();
